"""From files to arrays: frames and labels read, checked, normalized, augmented, cut to patches."""
