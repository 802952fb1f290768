"""One file a shortcut: what a person can do from a message's menu, or from anywhere. The manifest declares each."""
