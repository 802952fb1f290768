"""Which alerts call people without need, what people do with them, and which setting would have spared them that."""

from bot.domain.noise.episodes import Episode, Noise, noise_of
from bot.domain.noise.proposals import Proposal, Setting

__all__ = ["Episode", "Noise", "Proposal", "Setting", "noise_of"]
