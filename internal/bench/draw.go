package main

func publish(root string, r *results) error { return nil }
