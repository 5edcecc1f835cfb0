"""Tests of what crosses processes, and of what documents and contract say."""
