"""Images in memory: decoding, augmentation, latents."""
