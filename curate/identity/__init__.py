"""Who is who, which photos are the same, and how often faces of two people are taken for one."""
