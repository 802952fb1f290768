"""A version of a model beside another, on live traffic."""
