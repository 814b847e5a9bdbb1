//! Read as much as there is, handle every whole frame, write once: the two buffers of a direction.
