"""The watch over logs: lines become templates, and how templates come becomes alerts."""
