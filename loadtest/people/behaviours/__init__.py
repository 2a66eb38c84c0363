"""What people do in the shop, by following its own links and forms.

Each behaviour takes the person who does it.
"""
