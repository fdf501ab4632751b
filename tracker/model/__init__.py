"""SAM 3 behind one face: pictures become embeddings, prompts on them become masks."""
