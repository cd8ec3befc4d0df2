"""The administration area of the wire, `/admin`: forms which scripts post to. Source: Panel 1.11.

A thin layer over the services the APIs use: each form answers with a redirect and an alert for the page behind it. The
pages themselves are our own interface.
"""
