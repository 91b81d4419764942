"""Paper: answer sheets and collecting sheets as PDF, and what is photographed of them."""
