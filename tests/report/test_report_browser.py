"""The page in a real browser: headless Chromium, driven by selenium.

Without Chromium, its driver or selenium these tests are skipped; with CERTIQA_BROWSER=required they fail instead.
"""

from __future__ import annotations

import importlib
import os
import shutil

import pytest

SIZES = ((360, 740), (1280, 900))
THEMES = ("light", "dark")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
REQUIRED = os.environ.get("CERTIQA_BROWSER") == "required"


def lacking(what):
    if REQUIRED:
        pytest.fail(f"{what} is missing, and CERTIQA_BROWSER=required")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    try:
        webdriver = importlib.import_module("selenium.webdriver")
        service = importlib.import_module("selenium.webdriver.chrome.service")
    except ImportError:
        lacking("selenium")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or lacking("chromium")
    driver = shutil.which("chromedriver") or lacking("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=service.Service(driver))
    yield found
    found.quit()


@pytest.fixture
def visit(browser, folder):
    """Opens a report at a size in a theme."""

    def opened(name, size=SIZES[1], theme="light", scripts=True):
        command = browser.execute_cdp_cmd
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        command("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        command("Emulation.setDeviceMetricsOverride", size)
        command("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        browser.get((folder / name / "report.html").as_uri())
        return browser

    return opened


def views(names=("sample", "hostile", "empty")):
    return pytest.mark.parametrize(
        ("name", "size", "theme"), [(name, size, theme) for name in names for size in SIZES for theme in THEMES]
    )


def requests(browser):
    import json

    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith("data:")]


@views()
def test_it_opens_without_a_word_or_a_request(visit, name, size, theme):
    browser = visit(name, size, theme)
    assert browser.get_log("browser") == []
    assert [url.rsplit("/", 1)[-1] for url in requests(browser)] == ["report.html"]
    assert browser.execute_script("return document.querySelector('h1').textContent")


def test_an_error_would_be_noticed(visit, tmp_path):
    browser = visit("empty")
    (tmp_path / "report.html").write_text(
        "<title>x</title><script>undefinedName()</script><img src='file:///none.png'>", encoding="utf-8"
    )
    browser.get((tmp_path / "report.html").as_uri())
    assert any("undefinedName" in entry["message"] for entry in browser.get_log("browser"))
    assert len(requests(browser)) > 1


@views(("sample", "hostile", "empty", "large"))
def test_nothing_scrolls_sideways(visit, name, size, theme):
    browser = visit(name, size, theme)
    browser.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true })")
    widths = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
    )
    assert max(widths) == size[0]


@views(("sample", "hostile"))
def test_figures_are_visible(visit, name, size, theme):
    browser = visit(name, size, theme)
    found = browser.execute_script("""
        return [...document.querySelectorAll(".panel, .example")].map((panel) => {
          const drawn = [...panel.querySelectorAll("svg[role=img]")].filter((one) => one.checkVisibility());
          const boxes = drawn.map((one) => one.getBoundingClientRect());
          const inked = drawn.map((one) => [...one.querySelectorAll("path, text")].some((part) => {
            const box = part.getBoundingClientRect();
            return box.width + box.height > 0;
          }));
          const outer = panel.getBoundingClientRect();
          return {count: drawn.length, width: Math.min(...boxes.map((b) => b.width)),
                  height: Math.min(...boxes.map((b) => b.height)), inked: inked.every(Boolean),
                  inside: boxes.every((b) => b.left >= outer.left && b.right <= outer.right + 0.5)};
        });""")
    assert len(found) > 3
    for one in found:
        assert one["count"] == 1
        assert one["width"] >= 200
        assert one["height"] >= 100
        assert one["inked"]
        assert one["inside"]


@views(("sample", "hostile"))
def test_text_of_a_figure_stays_in_it_and_can_be_read(visit, name, size, theme):
    browser = visit(name, size, theme)
    found = browser.execute_script("""
        return [...document.querySelectorAll("svg[role=img]")].filter((one) => one.checkVisibility()).flatMap((one) => {
          const outer = one.getBoundingClientRect();
          return [...one.querySelectorAll("text")].map((text) => {
            const box = text.getBoundingClientRect();
            const across = [outer.left, box.left, box.right, outer.right];
            const down = [outer.top, box.top, box.bottom, outer.bottom];
            const out = Math.max(...[across, down].map((ends) => Math.max(ends[0] - ends[1], ends[2] - ends[3])));
            return {said: text.textContent, height: box.height, out};
          });
        });""")
    assert [one for one in found if one["out"] > 1.5] == []
    assert min(one["height"] for one in found) >= 10, "pixels, line height included"


CONTRASTS = """
const channels = (text) => text.match(/[\\d.]+/g).map(Number);
const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * linear(rgb[i] / 255), 0);
const behind = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const found = channels(getComputedStyle(at).backgroundColor);
    if (found.length === 3 || found[3] === 1) return found;
  }
  return [255, 255, 255];
};
const said = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const one = walk.currentNode.parentElement;
  if (!walk.currentNode.textContent.trim() || !one.checkVisibility()) continue;
  if (one.closest("script, style, title, desc, option")) continue;
  const style = getComputedStyle(one);
  const colours = [light(channels(one.closest("svg") ? style.fill : style.color)), light(behind(one))];
  colours.sort((a, b) => b - a);
  said.push([(colours[0] + 0.05) / (colours[1] + 0.05), walk.currentNode.textContent.trim().slice(0, 40), one.tagName]);
}
return [said.length, said.filter((one) => one[0] < 4.5).slice(0, 10)];
"""


@views(("sample", "hostile", "empty"))
def test_contrast_of_all_text(visit, name, size, theme):
    browser = visit(name, size, theme)
    number, low = browser.execute_script(CONTRASTS)
    assert number > 20
    assert low == []


def test_low_contrast_would_be_noticed(visit):
    browser = visit("empty")
    browser.execute_script("document.querySelector('h1').style.color = 'rgb(200, 200, 200)'")
    assert browser.execute_script(CONTRASTS)[1][0][2] == "H1"


@pytest.mark.parametrize("theme", THEMES)
def test_the_theme_follows_the_system_and_the_keyboard(visit, theme):
    browser = visit("sample", theme=theme)
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(colour)
    assert (before == "rgb(18, 20, 23)") is (theme == "dark")
    browser.find_element("id", "theme").send_keys("\ue007")
    after = browser.execute_script(colour)
    assert (after == "rgb(18, 20, 23)") is (theme == "light")
    browser.find_element("id", "theme").send_keys(" ")
    assert browser.execute_script(colour) == before


def test_tables_are_sorted_and_scrolled_by_keyboard(visit):
    browser = visit("sample", SIZES[0])
    box = browser.find_element("css selector", "section[aria-labelledby=summary] .scroll")
    browser.execute_script("arguments[0].focus()", box)
    assert browser.execute_script("return document.activeElement === arguments[0]", box)
    assert browser.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", box)
    first = "return arguments[0].querySelector('tbody th').getBoundingClientRect().left"
    place = browser.execute_script(first, box)
    browser.execute_script("arguments[0].scrollLeft = 200", box)
    assert browser.execute_script(first, box) == pytest.approx(place, abs=1), "the first column stays"
    values = """return [...arguments[0].querySelectorAll("tbody tr")].map((row) => row.cells[1])
                .map((cell) => cell.querySelector("data") ? Number(cell.querySelector("data").value) : null)"""
    button = box.find_elements("css selector", "thead button")[1]
    for order in (1, -1):
        button.send_keys("\ue007")
        found = browser.execute_script(values, box)
        numbers = [order * value for value in found if value is not None]
        assert numbers == sorted(numbers)
        assert found[-1] is None, "what has no number stays below"


def test_every_box_that_scrolls_can_be_focused(visit):
    browser = visit("sample", SIZES[0])
    loose = browser.execute_script("""
        document.querySelectorAll("details").forEach((one) => { one.open = true });
        return [...document.querySelectorAll("main *")].filter((one) => !(one instanceof SVGElement)
          && ["auto", "scroll"].includes(getComputedStyle(one).overflowX)
          && (one.tabIndex !== 0 || !document.getElementById(one.getAttribute("aria-labelledby")))).length""")
    assert loose == 0


def test_the_filter_shows_one_group(visit):
    browser = visit("sample")
    choose = """const box = document.getElementById("group"); box.value = arguments[0];
                box.dispatchEvent(new Event("change"));
                return [...new Set([...document.querySelectorAll("[data-group]")].filter((one) => one.checkVisibility())
                .map((one) => one.dataset.group))]"""
    assert browser.execute_script(choose, "g2-livec-pyiqa-dbcnn") == ["g2-livec-pyiqa-dbcnn"]
    assert len(browser.execute_script(choose, "")) == 4


def test_links_lead_to_visible_places(visit):
    browser = visit("sample")
    lost = browser.execute_script("""return [...document.querySelectorAll("a[href^='#']")].filter((one) => {
        const place = document.getElementById(one.getAttribute("href").slice(1));
        return !place || !place.checkVisibility(); }).length""")
    assert lost == 0


def test_it_can_be_read_without_scripts(visit):
    browser = visit("sample", scripts=False)
    assert not browser.find_element("id", "theme").is_displayed()
    assert browser.find_element("id", "summary").is_displayed()
    assert browser.find_element("css selector", ".panel svg.none, .panel .wide svg").is_displayed()
    assert browser.get_log("browser") == []


def test_print_is_light_and_without_controls(visit):
    browser = visit("sample", theme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = browser.execute_script("""return [getComputedStyle(document.body).backgroundColor,
        document.getElementById("theme").checkVisibility(), document.querySelector(".panel svg").checkVisibility()]""")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown[0] == "rgb(255, 255, 255)"
    assert shown[1] is False
