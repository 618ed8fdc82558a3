"""`make demo`: the main job told from a school's post to the county's decision, every value of it checked."""
