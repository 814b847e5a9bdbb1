//! WHERE over sealed columns: what becomes a comparison of tags, and what is refused.
