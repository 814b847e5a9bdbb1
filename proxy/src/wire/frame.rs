//! A frame: type, length, body; its limits, checked before anything is allocated.
