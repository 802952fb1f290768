"""The watch over applications of language models: errors, time, tokens, cost, tools, refusals and scores."""
