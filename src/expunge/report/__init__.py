"""The report: one HTML file made from a record."""

from .html import render as render
from .html import report as report
