//! Prepared statements and portals: which plan belongs to which name.
