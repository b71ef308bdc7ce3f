"""Scissorhands (Wu & Harandi, ECCV 2024): the method and its parts."""

from .method import Scissorhands as Scissorhands
