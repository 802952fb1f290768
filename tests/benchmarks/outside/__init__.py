"""What a user meets, measured from a second process over HTTP, beside Alertmanager: see ``__main__``."""
