"""Helpers for the course "From Autoencoder to VAE": data, models, losses, training and pictures.

The chapters import the rooms by name, for example ``from helpers import data, plots``.
"""
