"""The functions behind the layers, one family a file; `nn.functional` shows them all."""
