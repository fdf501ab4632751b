"""The JSON of live sessions: what clients send, and what they are sent. The hosted API has its own schemas."""
