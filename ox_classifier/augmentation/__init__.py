"""uint8 pixels in, varied pixels out, the same on every run; and Keras' ImageDataGenerator over it."""
