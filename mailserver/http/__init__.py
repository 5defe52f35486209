"""HTTP plumbing shared by the faces; knows no resource."""
