"""The shared language, pure: words, money, errors, policy, checks, schemas."""
