//! From server to client: each frame belongs to the entry at the head of the queue.
