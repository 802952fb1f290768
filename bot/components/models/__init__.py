"""What models need beside their watches."""
