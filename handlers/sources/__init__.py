"""What the files of handlers/webhooks are made with: the registry, clean text, labels, timestamps, signatures."""
