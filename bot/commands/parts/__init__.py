"""What the commands do, imported once one is called: ``tandem --help`` does not wait for it."""
