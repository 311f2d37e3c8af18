"""libcurl: transfers of a thread in a loop, answers as they come, connections that are idle."""
