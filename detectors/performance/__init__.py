"""How well a model does: measured where labels have come, estimated where they have not."""
