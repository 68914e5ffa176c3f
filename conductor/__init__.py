"""What pipeline.py is made of: parameters in, notebooks executed, the record of a run out."""
