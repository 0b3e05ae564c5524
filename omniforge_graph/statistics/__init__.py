"""Statistical methods on arrays: numbers in, numbers out, each with its source. They know nothing of experiments."""
