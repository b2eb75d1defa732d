"""The three losses of DMS-IQA, each a function of its own.

Source: Shumitskaya et al. (arXiv 2411.12575), which names them; the forms here are ours, for its code is not public.
"""

from certiqa.denoisers.losses.mse import mse_loss
from certiqa.denoisers.losses.ranking import margin_ranking_loss, soft_rank_loss, wanted_order
from certiqa.denoisers.losses.target import target_loss

__all__ = ["margin_ranking_loss", "mse_loss", "soft_rank_loss", "target_loss", "wanted_order"]
