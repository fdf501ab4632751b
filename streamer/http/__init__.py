"""Routes of live sessions and of operations: thin, over what the other rooms do."""
