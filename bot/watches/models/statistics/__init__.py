"""Checks of statistics that a database made of rows, which stayed there."""
