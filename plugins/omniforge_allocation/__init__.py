"""The allocation strategies that come with OmniForge Graph: one file, one plugin, one entry point each."""
