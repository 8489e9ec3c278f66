"""Deliberate faults, each of which breaks one guarantee, and the proof that a test notices every one."""
