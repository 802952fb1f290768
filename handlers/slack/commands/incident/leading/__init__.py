"""The words of ``/incident`` by which people lead an incident."""
