"""`make bench [NAME=…]`: measurements as ratios against a peer in the same run.

How a figure is made is written in docs/adr/0080; what each benchmark does, at the head of its own file.
"""
