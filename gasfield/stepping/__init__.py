"""Many steps in one compiled call, with the same bits as step by step."""
