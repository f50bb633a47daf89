"""What tests of rewriting share."""

from catlearn.cset import is_pushout


def squares_are_pushouts(rewrite):
    """Whether both squares of a rewriting step are pushouts."""
    (k, d), applied = rewrite.complement, rewrite.applied
    left = is_pushout(applied.left, k, rewrite.match, d)
    return left and is_pushout(k, applied.right, *rewrite.right.legs)
