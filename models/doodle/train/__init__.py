"""The stages that make the doodle checkpoint, one command each: vae, encode, tokenizer, dit, export."""
