"""Budgets: how far the attacked image may be from the clean one."""

from certiqa.attacks.budgets.base import KINDS, Budget
from certiqa.attacks.budgets.norms import L2, LInf
from certiqa.attacks.budgets.searched import SSIM, Perceptual

__all__ = ["KINDS", "L2", "SSIM", "Budget", "LInf", "Perceptual"]
