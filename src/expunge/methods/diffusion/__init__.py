"""Methods that need a denoiser."""
