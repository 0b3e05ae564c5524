"""Statistical tests that come with OmniForge Graph: one file is one plugin."""
