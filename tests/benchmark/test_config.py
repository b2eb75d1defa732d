"""Configs: what is read, what it comes to, and what is refused, by its place."""

import json

import pytest

from certiqa.benchmark.config import Config
from certiqa.benchmark.reading import preset_text, presets, read_config
from certiqa.benchmark.sizes import Size
from certiqa.errors import InputError, UnknownNameError


def test_plain_values_and_back(config):
    assert Config.of(json.loads(json.dumps(config.to_dict()))) == config
    assert Config.of(config.to_dict()).sha256 == config.sha256


def test_the_folder_of_the_data_is_no_part_of_the_identity(given):
    given["data"] = [{"name": "livec", "root": "/a"}]
    other = json.loads(json.dumps(given))
    other["data"][0]["root"] = "/b"
    assert Config.of(given).sha256 == Config.of(other).sha256
    assert "/a" not in json.dumps(Config.of(given).to_dict())
    other["seed"] = 4
    assert Config.of(given).sha256 != Config.of(other).sha256


def test_kinds_and_weights(config):
    kinds = {one.name: one.kind_for("toy") for one in config.defences}
    assert kinds == {
        "undefended": "none", "softened": "empirical", "JPEG": "empirical", "MS": "certified", "MS small": "certified"
    }  # fmt: skip
    assert [one.weights_for("toy") for one in config.defences[:2]] == ["toy", "softer"]


def test_a_defence_may_be_of_some_metrics_only(given):
    given["metric"].append({"name": "builtin"})
    given["defence"][1]["metric"] = {"toy": "softer"}
    entry = Config.of(given).defences[1]
    assert (entry.weights_for("toy"), entry.weights_for("builtin")) == ("softer", None)


def test_a_denoiser_means_smoothing(given):
    given["defence"].append({"name": "DMS-IQA", "denoiser": "dms-iqa"})
    assert Config.of(given).defences[-1].kind_for("toy") == "certified"


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_read(name):
    config = read_config(name)
    assert config.name == name
    assert config.defences[0].kind_for(config.metrics[0].name) == "none"
    assert preset_text(name).startswith("# ")


def change(*path):
    """A change of the plain values at a path; the last element is the value."""

    def apply(given):
        *steps, key, value = path
        for step in steps:
            given = given[step]
        given[key] = value

    return apply


@pytest.mark.parametrize(
    ("apply", "words"),
    [
        (change("seeed", 1), "'seeed' must be a key of the config. Got 1 instead. Did you mean 'seed'?"),
        (change("attacks", "imagess", 1),
         "'attacks.imagess' must be a key of attacks. Got 1 instead. Did you mean 'images'?"),
        (change("defence", 3, "smoothh", True), "'defence[4].smoothh' must be a key of defence[4]"),
        (change("seed", -1), "'seed' must be a whole number >= 0. Got -1"),
        (change("seed", True), "'seed' must be a whole number >= 0. Got True"),
        (change("name", ""), "'name' must be a text that is not empty"),
        (change("dtype", "float31"),
         "Got 'float31' instead. Did you mean 'float32'?"),
        (change("confidence", 95), "confidence"),
        (change("sigmas", [0.1, 0.1]), "'sigmas' must not hold a value twice. Got '0.1'"),
        (change("sigmas", [0.1, 12]), "sigmas[2]: The parameter 'sigma' must be at most 4"),
        (change("sigmas", 0.1), "'sigmas' must be a list. Got 0.1"),
        (change("sigmas", []), "'defence[4].sigmas' must be given"),
        (change("data", []), "'data' must be 1 table at least, [[data]]"),
        (change("data", 0, "name", "livek"), "Got 'livek' instead. Did you mean 'live'?"),
        (change("data", [{"name": "folder", "options": {"mos_rnge": [1, 5]}}]),
         "'data[1].options.mos_rnge' must be a key of data[1].options. Got [1, 5] instead. Did you mean 'mos_range'?"),
        (change("data", [{"name": "livec", "options": {"decode": True}}]), "'data[1].options.decode' must be a key of"),
        (change("data", 0, "options", {"side": 3}), "'data[1].options.side' must be a key of data[1].options"),
        (change("data", 0, "options", 3), "'data[1].options' must be a table"),
        (change("data", 0, "part", "nt-test"), "'data[1].part' must be one of"),
        (change("data", [{"name": "livec"}, {"name": "livec"}]),
         "'data' must not have the same name twice. Got 'livec'"),
        (change("metric", 0, "middle", "half"), "'metric[1].middle' must be a finite number"),
        (change("defence", 1, "name", "undefended"), "'defence' must not have the same name twice"),
        (change("defence", 1, "metric", {"tooy": "x"}),
         "'defence[2].metric' must be for metrics of this config. Got 'tooy'"),
        (change("defence", 1, "metric", 3), "'defence[2].metric' must be the name of a metric, or a table"),
        (change("defence", 1, "sigmas", [0.1]), "'defence[2].sigmas' must come with smooth = true"),
        (change("defence", 2, "purify", ["jpg"]),
         "defence[3].purify[1]: Unknown purification 'jpg'. Did you mean 'jpeg'?"),
        (change("defence", 3, "resolution", 1), "defence[4].resolution: "),
        (change("defence", 3, "resolution", "small"),
         "'defence[4].resolution' must be the shorter side in pixels, or 'native'"),
        (change("agreement", "images", 0), "'agreement.images' must be a whole number >= 1"),
        (change("certificates", "images", 13), "'certificates.images' must not be more than agreement.images, 12"),
        (change("certificates", "images", "all"), "'certificates.images' must not be more than agreement.images, 12"),
        (change("attacks", "images", 4), "'attacks.images' must not be more than certificates.images, 3"),
        (change("attacks", {}), "Got 8 instead. Set attacks.images = 3, or less."),
        (change("certificates", "n", 50), "'certificates.n' must be a whole number >= 100"),
        (change("certificates", "alpha", 1.5), "certificates.alpha: "),
        (change("certificates", "at", ["1 sigmas"]), "certificates.at[1]: The parameter 'at' must be a number"),
        (change("certificates", "at", ["0"]), "certificates.at[1]: The parameter 'at' must be > 0"),
        (change("certificates", "at", ["-1 sigma"]),
         "certificates.at[1]: The parameter 'at' must be a number > 0 and 'sigma'"),
        (change("attacks", "names", ["pdg"]), "attacks.names[1]: Unknown attack 'pdg'. Did you mean 'pgd' or 'apgd'?"),
        (change("attacks", "names", ["pgd:stepps=2"]), "attacks.names[1]: Unknown option"),
        (change("attacks", "budgets", ["linf:4"]), "attacks.budgets[1]: "),
        (lambda given: given["attacks"].update(names=["madc", "square"], budgets=["linf:2/255"]),
         "'attacks.names' must have a budget that it takes, of the kind l2, in attacks.budgets. Got 'madc'"),
        (lambda given: given["attacks"].update(names=["madc", "square"], budgets=["l2:0.5", "ssim:0.99"]),
         "'attacks.budgets' must be of a kind that an attack in attacks.names takes. Got 'ssim:0.99'"),
        (change("attacks", "objective", "fra"),
         "'attacks.objective' must be one of 'far', 'lower', 'move', 'raise'. Got 'fra'"),
        (change("attacks", "fresh", 10), "'attacks.fresh' must be a whole number >= 50"),
        (change("attacks", "adaptive", 1), "'attacks.adaptive' must be true or false"),
        (change("attacks", 3), "'attacks' must be a table with the keys"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused_by_its_place(given, apply, words):
    apply(given)
    with pytest.raises(InputError) as caught:
        Config.of(given)
    assert words in str(caught.value)


def test_roots(given):
    given["data"] = [{"name": "livec"}]
    config = Config.of(given)
    assert config.with_roots({"livec": "there"}).data[0].root == "there"
    with pytest.raises(InputError, match=r"'--data' must name the folder of 'livec'.*Pass --data livec FOLDER"):
        config.with_roots({})
    with pytest.raises(InputError, match="must be of a data set of this config: livec"):
        config.with_roots({"koniq10k": "x", "livec": "y"})


def test_files(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(preset_text("smoke").replace('name = "distorted-samples"', 'name = "livec"\nroot = "pictures"'))
    assert read_config(path).data[0].root == str(tmp_path / "pictures")
    with pytest.raises(
        UnknownNameError, match=r"Unknown preset 'smok'. Did you mean 'smoke'\?.*a file ending in .toml"
    ):
        read_config("smok")
    with pytest.raises(InputError, match="must be a file that can be read"):
        read_config(tmp_path / "none.toml")
    path.write_text("name = ")
    with pytest.raises(InputError, match="must be TOML"):
        read_config(path)


def test_sizes():
    assert Size.parse(" 0.5   sigma ").text == "0.5 sigma"
    with pytest.raises(InputError, match="'at'"):
        Size.parse("weird:3")
    with pytest.raises(InputError, match="must be texts"):
        Size.parse(3)
