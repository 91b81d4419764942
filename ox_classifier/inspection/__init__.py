"""A trained network seen from inside: layers, kernels, feature maps, Grad-CAM."""
