//! What is known of one connection of the pool, as long as it lives: session facts and prepared statements.
