//! From TOML to the model: strict, with byte spans for every key.
