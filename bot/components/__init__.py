"""How the parts of Tandem become one process: each file here wires one part and returns its components.

A part knows nothing of the others: what it needs comes from :class:`bot.services.Services`, what concerns only this
process (its environment, tandem.yaml, the intake) from :class:`bot.components.process.Process`. :mod:`bot.app` puts the
components in order.
"""
