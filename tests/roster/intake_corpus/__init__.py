"""Rosters made by code: sound ones to vary (`files`) and hostile ones (`hostile`). No file of a real man is kept."""
