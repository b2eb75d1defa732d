"""Front ends: what happens to the clean image before the noise, and how far an attack can carry through it.

A front end phi reads the clean image once; only what comes after it sees noise. If ||phi(x+d) - phi(x)|| <= L ||d|| + s
for every image x and perturbation d, then all that median smoothing proves about phi(x) at a radius L eps + s holds for
the image at eps. Smoothing of pixels is the case phi = :class:`Identity`, a working resolution is :class:`Resize`.

>>> from certiqa.frontends import Resize, SizedFrontEnd
>>> sized = SizedFrontEnd.of(Resize(192), 384, 512, sigma=1.3)
>>> sized.output_shape, round(sized.lipschitz, 3)
((3, 192, 256), 0.501)
"""

from certiqa.frontends.base import FrontEnd
from certiqa.frontends.energies import Energies
from certiqa.frontends.identity import Identity
from certiqa.frontends.learned import Learned
from certiqa.frontends.registry import from_dict, register
from certiqa.frontends.resize import Resize
from certiqa.frontends.sized import SizedFrontEnd

__all__ = ["Energies", "FrontEnd", "Identity", "Learned", "Resize", "SizedFrontEnd", "from_dict", "register"]
